package trouble

import (
	"context"
	"fmt"
	"time"
)

// Space is what a file system has, in bytes.
type Space struct{ Free, Total uint64 }

// scarce is how little free space is trouble, on a small file system a tenth of it; it is over at a quarter more.
const scarce = 100 << 20

func (s Space) scarce(standing bool) bool {
	limit := min(scarce, s.Total/10)
	if standing {
		limit += limit / 4
	}
	return s.Free < limit
}

// Disk is that the file system of a folder is nearly full; space asks it (SpaceOf, but for tests).
func Disk(folder string, space func(folder string) (Space, error)) Kind {
	return Kind{
		Name: "disk", Patience: func() time.Duration { return 0 },
		Check: func(_ context.Context, standing bool) error {
			s, err := space(folder)
			if err != nil || s.Total == 0 {
				return ErrUnknown
			}
			if s.scarce(standing) {
				return fmt.Errorf("%d MiB of %d are free at %s", s.Free>>20, s.Total>>20, folder)
			}
			return nil
		},
		Begin: func(c Case) string {
			return fmt.Sprintf("💾 The disk of the storage is nearly full: %s.\nFree some space: once it is full, nothing is taken any more.", c.Detail)
		},
		End: func(c Case) string {
			return fmt.Sprintf("✅ The disk of the storage has room again, after %s.", c.For())
		},
	}
}
