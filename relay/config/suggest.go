package config

import (
	"fmt"
	"strings"
)

// unknownKey is the detail of a key that is not there: the nearest one that is, and all of the table.
func unknownKey(table, name string, valid []string) string {
	where := "at the top of the file"
	if table != "" {
		where = "in [" + table + "]"
	}
	hint := ""
	if near := nearest(name, valid); near != "" {
		hint = fmt.Sprintf("did you mean %s? ", near)
	}
	return fmt.Sprintf("unknown key; %svalid %s: %s", hint, where, strings.Join(valid, ", "))
}

// nearest is the valid name that is most like name, or nothing where none is alike: at most a third of it may differ.
func nearest(name string, valid []string) string {
	best, least := "", max(1, len(name)/3)+1
	for _, v := range valid {
		if d := distance(strings.ToLower(name), v); d < least {
			best, least = v, d
		}
	}
	return best
}

// distance is how many bytes must be put in, taken out or replaced to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
