package console

import "testing"

func TestNothingHasComeInOnlyWhereNothingDid(t *testing.T) {
	if !(deliveries{}).Idle() || (deliveries{Next: "/deliveries?after=7"}).Idle() {
		t.Error("a page without deliveries is taken for the only one, or the other way round")
	}
}
