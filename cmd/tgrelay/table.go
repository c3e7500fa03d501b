package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// pad fills a text to so many columns of a terminal, in which a Chinese letter or an emoji takes two.
func pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(0, columns-uniseg.StringWidth(text)))
}

// wrap breaks a text between words, so that no line is wider than so many columns where one can be; too few columns, as of no terminal, break nothing.
func wrap(text string, columns int, indent string) string {
	const least = 20
	if columns < least {
		return text
	}
	var b strings.Builder
	used := 0
	for i, word := range strings.Fields(text) {
		w := uniseg.StringWidth(word)
		switch {
		case i == 0:
		case used+1+w > columns:
			b.WriteString("\n" + indent)
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += w
	}
	return b.String()
}

// table is drawn with its columns below each other. At a terminal the last column is cut where the line ends.
type table struct{ rows [][]string }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(w io.Writer) error {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	room := width(w)
	for _, row := range t.rows {
		line := ""
		for i, cell := range row {
			if i < len(row)-1 {
				cell = pad(cell, widths[i]+2)
			}
			line += cell
		}
		if room > 0 {
			line = cut(line, room)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

// cut ends a text with … where it is wider than so many columns.
func cut(text string, columns int) string {
	if uniseg.StringWidth(text) <= columns {
		return text
	}
	used, end := 0, 0
	for g := uniseg.NewGraphemes(text); g.Next(); {
		if used += g.Width(); used > columns-1 {
			break
		}
		_, end = g.Positions()
	}
	return text[:end] + "…"
}
