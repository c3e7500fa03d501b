package store_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// sizes tells how large tables and indexes are.
func (l *large) sizes() {
	if l.server == nil {
		return // the file is one: what each table added to it was told as it was filled
	}
	var report [][]string
	rows, err := l.side.Query(`SELECT c.relname, c.relkind::text, pg_relation_size(c.oid), coalesce(t.reltuples, c.reltuples) FROM pg_class c
		LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = i.indrelid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'i') AND pg_relation_size(c.oid) > 1048576 ORDER BY coalesce(t.relname, c.relname), c.relkind DESC, 3 DESC`)
	must(l.T, err)
	defer rows.Close()
	for rows.Next() {
		var name, kind string
		var size, n float64
		must(l.T, rows.Scan(&name, &kind, &size, &n))
		if kind == "i" {
			name = "  " + name
		}
		report = append(report, []string{name, mib(size), fmt.Sprintf("%.0f B for each of the table's rows", size/n)})
	}
	must(l.T, rows.Err())
	l.table("sizes", report...)
}

// unused tells which indexes nothing has looked into.
func (l *large) unused() {
	if l.server == nil {
		return
	}
	var report [][]string
	for _, name := range texts(l.T, l.side, `SELECT indexrelname || ' ' || pg_relation_size(indexrelid) / 1024 || ' KiB' FROM pg_stat_user_indexes WHERE idx_scan = 0 ORDER BY 1`) {
		report = append(report, []string{name})
	}
	l.table("indexes that were not looked into", report...)
}

var estimated = regexp.MustCompile(`cost=[0-9.]+\.\.([0-9.]+)`)

// plans tells what a server thinks costs most, as it would go about each text, and which go over all of a large table.
func (l *large) plans() {
	if l.server == nil {
		return // SQLite's do not depend on sizes: the suite has looked at them
	}
	type plan struct {
		cost float64
		text string
		scan bool
	}
	var all []plan
	_, err := l.side.Exec(`SET plan_cache_mode = force_generic_plan`)
	must(l.T, err)
	for i, text := range l.db.Texts() {
		verb, _, _ := strings.Cut(text, " ")
		if !slices.Contains([]string{"SELECT", "WITH", "UPDATE", "DELETE"}, verb) {
			continue
		}
		_, err := l.side.Exec(fmt.Sprintf("PREPARE p%d AS %s", i, text))
		must(l.T, err)
		args := ""
		if n := parameters(strings.ReplaceAll(text, "$", "?")); n > 0 {
			args = "(" + strings.TrimSuffix(strings.Repeat("NULL,", n), ",") + ")"
		}
		lines := texts(l.T, l.side, fmt.Sprintf("EXPLAIN EXECUTE p%d%s", i, args))
		p := plan{text: strings.Join(strings.Fields(text), " ")}
		p.cost, _ = strconv.ParseFloat(estimated.FindStringSubmatch(lines[0])[1], 64)
		for _, table := range []string{"recipients", "bindings", "links", "messages", "deliveries"} {
			p.scan = p.scan || strings.Contains(strings.Join(lines, "\n"), "Seq Scan on "+table)
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b plan) int { return int(b.cost - a.cost) })
	var report [][]string
	for i, p := range all {
		if i < 8 || p.scan {
			report = append(report, []string{fmt.Sprintf("cost %.0f", p.cost), fmt.Sprintf("walks over all: %v", p.scan), p.text[:min(len(p.text), 200)]})
		}
	}
	l.table("what the server thinks costs most", report...)
}
