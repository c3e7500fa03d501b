package markup

import (
	"cmp"
	"slices"
)

// sortEntities puts entities into Telegram's order: by offset, the longer first, then by kind.
func sortEntities(entities []Entity) {
	if !slices.IsSortedFunc(entities, compareEntities) {
		slices.SortStableFunc(entities, compareEntities)
	}
}

func compareEntities(a, b Entity) int {
	return cmp.Or(a.Offset-b.Offset, b.Length-a.Length, int(kindOf(&a).rank())-int(kindOf(&b).rank()))
}
