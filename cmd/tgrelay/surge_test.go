package main_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// A storm of alerts reaches a chat as far fewer messages, and everything that was said is in one of them or in their files. How many
// go one by one before the storm is noticed is the machine's affair.
func TestSurgeIsMerged(t *testing.T) {
	t.Parallel()
	const rates = "[delivery]\nglobal_rate = 1000\nchat_rate = 2\n"
	w := newWorld(t, rates+"surge_after = \"0s\"\n")
	ada := w.connect("Ada", "ops")
	w.do("POST", w.sim+"/sim/faults", `{"kind":"gateway","method":"sendMessage"}`, nil)
	const storm = 100
	for i := range storm {
		w.do("POST", w.relay+"/hooks/alertmanager/ops", fmt.Sprintf(`{"version":"4","status":"firing","groupKey":"g%d","receiver":"r",
			"alerts":[{"status":"firing","labels":{"alertname":"Down%d","host":"h-%03d"},"annotations":{},"startsAt":"2026-01-01T00:00:00Z"}],
			"groupLabels":{},"commonLabels":{"alertname":"Down%d","host":"h-%03d"},"commonAnnotations":{}}`, i, i%20, i, i%20, i), nil)
	}
	w.do("POST", w.relay+"/api/v1/messages", `{"to":"ops","text":"a person's words"}`, nil)
	w.extra = rates + "surge_after = \"5s\"\n"
	w.restart() // the whole storm is there when it is looked at
	w.do("DELETE", w.sim+"/sim/faults", "", nil)
	w.eventually(func() bool {
		for _, m := range w.messages(ada, 2) {
			if m.Text == "a person's words" {
				return true
			}
		}
		return false
	})
	all := w.messages(ada, 4)
	var said strings.Builder
	for _, m := range all {
		said.WriteString(m.Text)
		if m.Document != "" {
			said.WriteString(w.fileOf(m.Document))
		}
	}
	hosts := map[string]bool{}
	for _, host := range regexp.MustCompile(`h-\d{3}`).FindAllString(said.String(), -1) {
		hosts[host] = true
	}
	if len(hosts) != storm || len(all) > storm/2 || !strings.Contains(said.String(), "notifications of alertmanager in one") {
		t.Errorf("%d of %d alerts arrived in %d messages:\n%.2000s", len(hosts), storm, len(all), said.String())
	}
}
