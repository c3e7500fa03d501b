package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	prometheusDir = "../../packaging/prometheus"
	dashboardFile = "../../packaging/grafana/tgrelay.json"
)

// promtool runs Prometheus' own tool in the folder of the rules.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		without(t, "promtool", err)
	}
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Dir = prometheusDir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPrometheusRules(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", "rules.yml")
	promtool(t, "check", "config", "prometheus.yml")
	promtool(t, "test", "rules", "rules_test.yml")
}

// rule is one of rules.yml.
type rule struct {
	Alert, Record, Expr string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(prometheusDir, "rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// Every alert says how bad it is and where to read on, is tried, and has its place in the runbook, which has no others.
func TestRunbook(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	tried, err := os.ReadFile(filepath.Join(prometheusDir, "rules_test.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var alerts, sections []string
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		alerts = append(alerts, r.Alert)
		if want := "https://github.com/tgrelay/tgrelay/blob/main/docs/runbook.md#" + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %q", r.Alert, r.Annotations["runbook_url"], want)
		}
		if r.Annotations["summary"] == "" || !slices.Contains([]string{"critical", "warning", "info", "none"}, r.Labels["severity"]) {
			t.Errorf("%s lacks a summary or a severity", r.Alert)
		}
		if !strings.Contains(string(tried), "alertname: "+r.Alert+"\n        exp_alerts:") {
			t.Errorf("rules_test.yml does not see %s fire", r.Alert)
		}
	}
	for _, found := range regexp.MustCompile(`(?m)^## (\S+)$`).FindAllStringSubmatch(string(page), -1) {
		sections = append(sections, found[1])
	}
	slices.Sort(alerts)
	slices.Sort(sections)
	if !slices.Equal(alerts, sections) {
		t.Errorf("alerts %v\nsections of the runbook %v", alerts, sections)
	}
}

// dashPanel is one of the dashboard.
type dashPanel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ H, W, X, Y int }
	Targets []struct {
		Expr, RefID string
		Datasource  struct{ UID string }
	}
	Datasource struct{ UID string }
}

type dashboard struct {
	UID        string
	Panels     []dashPanel
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Annotations struct{ List []struct{ Expr string } }
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// exprs are all questions of the dashboard.
func (d dashboard) exprs() (all []string) {
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, a.Expr)
	}
	return all
}

// The dashboard is one that Grafana can lay out: panels with IDs of their own that do not lie on each other, each with questions to the chosen source.
func TestDashboard(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	ids, cells, rows := map[int]string{}, map[[2]int]string{}, 0
	for _, p := range d.Panels {
		if ids[p.ID] != "" || p.ID == 0 || p.Title == "" {
			t.Errorf("panel %d %q has the ID of %q, or none", p.ID, p.Title, ids[p.ID])
		}
		ids[p.ID] = p.Title
		if p.GridPos.W < 1 || p.GridPos.H < 1 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%q lies at %+v", p.Title, p.GridPos)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if cells[cell] != "" {
					t.Fatalf("%q lies on %q", p.Title, cells[cell])
				}
				cells[cell] = p.Title
			}
		}
		if p.Type == "row" {
			rows++
			continue
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if refs[target.RefID] || target.RefID == "" || target.Datasource.UID != "${datasource}" {
				t.Errorf("%q: refId %q of source %q", p.Title, target.RefID, target.Datasource.UID)
			}
			refs[target.RefID] = true
		}
		if len(refs) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("%q asks nothing, or another source: %q", p.Title, p.Datasource.UID)
		}
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name+" "+v.Type)
	}
	if want := []string{"datasource datasource", "job query", "instance query"}; d.UID != "tgrelay" || rows < 9 || !slices.Equal(variables, want) {
		t.Errorf("%s has %d rows and the variables %v", d.UID, rows, variables)
	}
}

// plainly puts values in the place of Grafana's variables.
var plainly = strings.NewReplacer("$__rate_interval", "5m", "$job", "tgrelay", "$instance", ".*")

// Prometheus' own parser reads every question of the dashboard: each becomes a rule for promtool.
func TestDashboardIsPromQL(t *testing.T) {
	t.Parallel()
	var file strings.Builder
	file.WriteString("groups:\n- name: dashboard\n  rules:\n")
	exprs := readDashboard(t).exprs()
	for i, expr := range exprs {
		fmt.Fprintf(&file, "  - record: q:%d\n    expr: %q\n", i, plainly.Replace(expr))
	}
	if len(exprs) < 40 || strings.Contains(file.String(), "$") {
		t.Fatalf("%d questions, or a variable that is none:\n%s", len(exprs), file.String())
	}
	path := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", path)
}

// Rules and dashboard ask only for what a daemon serves (docs/metrics.md, which TestWatching holds to that), by labels that it has.
func TestQuestionsAreAnswered(t *testing.T) {
	t.Parallel()
	served := servedMetrics(t)
	recorded := map[string]bool{}
	var exprs []string
	for _, r := range rules(t) {
		exprs = append(exprs, r.Expr)
		recorded[r.Record] = true
	}
	exprs = append(exprs, readDashboard(t).exprs()...)
	asked := map[string]bool{}
	for _, expr := range exprs {
		for _, s := range selectors(expr) {
			if strings.Contains(s.name, ":") {
				if !recorded[s.name] {
					t.Errorf("no rule records %s of %s", s.name, expr)
				}
				continue
			}
			base := s.name
			if _, plain := served[base]; !plain {
				base = histogramPart.ReplaceAllString(s.name, "")
			}
			known, there := served[base]
			asked[base] = true
			if !there {
				t.Errorf("%s of %s is not served", s.name, expr)
				continue
			}
			for _, label := range s.labels {
				if !slices.Contains(append([]string{"job", "instance", "le"}, known...), label) {
					t.Errorf("%s of %s has no label %s", s.name, expr, label)
				}
			}
		}
	}
	if len(asked) < 25 {
		t.Errorf("they ask for %d metrics only: %v", len(asked), asked)
	}
}

// selector is a metric in a question, with the labels that it is chosen or grouped by.
type selector struct {
	name   string
	labels []string
}

var (
	histogramPart = regexp.MustCompile(`_(bucket|sum|count)$`)
	metricName    = regexp.MustCompile(`\b((?:tgrelay|process|go)_[a-z_]+|[a-z_]+:tgrelay_[a-z_]+:[a-z0-9_]+)(\{[^}]*\})?`)
	matcherLabel  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"`)
	grouping      = regexp.MustCompile(`\b(?:by|on)\s*\(([^)]*)\)`)
)

// selectors are those of a question. What it is grouped by has to be a label of at least one of its metrics, which the first stands for.
func selectors(expr string) (all []selector) {
	for _, found := range metricName.FindAllStringSubmatch(expr, -1) {
		s := selector{name: found[1]}
		for _, label := range matcherLabel.FindAllStringSubmatch(found[2], -1) {
			s.labels = append(s.labels, label[1])
		}
		all = append(all, s)
	}
	for _, found := range grouping.FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(found[1], ",") {
			all[0].labels = append(all[0].labels, strings.TrimSpace(label))
		}
	}
	return all
}

// servedMetrics are those of docs/metrics.md with their labels, and what else of others' is asked for.
func servedMetrics(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	served := map[string][]string{
		"process_start_time_seconds": nil, "process_cpu_seconds_total": nil, "process_resident_memory_bytes": nil, "process_open_fds": nil,
		"go_goroutines": nil, "go_memstats_heap_inuse_bytes": nil,
	}
	for _, found := range regexp.MustCompile("(?m)^\\| `(tgrelay_[a-z_]+)` \\| [a-z]+ \\| ([^|]*) \\|").FindAllStringSubmatch(string(page), -1) {
		served[found[1]] = strings.FieldsFunc(found[2], func(r rune) bool { return r == '`' || r == ',' || r == ' ' })
	}
	if len(served) < 30 {
		t.Fatalf("docs/metrics.md lists %d metrics", len(served))
	}
	return served
}
