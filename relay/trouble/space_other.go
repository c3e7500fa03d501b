//go:build !linux && !darwin && !freebsd

package trouble

// SpaceOf knows nothing of this system's disks.
func SpaceOf(string) (Space, error) { return Space{}, ErrUnknown }
