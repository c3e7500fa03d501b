package receivers

import "slices"

// Without returns the draft without some of its alerts, as the sender would have written it had there been none of them. It is
// false where nothing is left to be told. A draft without alerts stays as it is, and so does one of which the sender has left out alerts
// that would then be told by nothing.
func (d Draft) Without(gone func(Alert) bool) (Draft, bool) {
	n := d.Notification
	if n == nil || !slices.ContainsFunc(n.Alerts, gone) {
		return d, true
	}
	rest := slices.DeleteFunc(slices.Clone(n.Alerts), gone)
	if len(rest) == 0 {
		return d, n.TruncatedAlerts > 0
	}
	return n.With(rest).Draft(d.Template), true
}
