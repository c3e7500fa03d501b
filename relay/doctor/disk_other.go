//go:build !linux

package doctor

import "errors"

func diskOf(string) (disk, error) {
	return disk{}, errors.New("disks are looked at on Linux only")
}
