package markup

import "strings"

// tab is what ExpandTabs puts in the place of a TAB.
const tab = "    "

// ExpandTabs puts four spaces in the place of each TAB and moves the entities. Telegram, and Clean, make one space of a
// TAB, in code too, which flattens stack traces.
func (t Text) ExpandTabs() Text {
	if strings.IndexByte(t.Text, '\t') < 0 {
		return t
	}
	added := make([]int, 0, t.Len()+1) // spaces added before each unit
	n := 0
	for _, r := range t.Text {
		added = append(added, n)
		switch {
		case r == '\t':
			n += len(tab) - 1
		case r > 0xFFFF:
			added = append(added, n)
		}
	}
	added = append(added, n)
	moved := func(unit int) int { return unit + added[min(max(unit, 0), len(added)-1)] }
	entities := make([]Entity, len(t.Entities))
	for i, e := range t.Entities {
		end := moved(e.Offset + e.Length)
		e.Offset = moved(e.Offset)
		e.Length = end - e.Offset
		entities[i] = e
	}
	return Text{Text: strings.ReplaceAll(t.Text, "\t", tab), Entities: entities}
}
