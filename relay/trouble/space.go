//go:build linux || darwin || freebsd

package trouble

import "syscall"

// SpaceOf asks a folder's file system what ordinary users may still write.
func SpaceOf(folder string) (Space, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err != nil {
		return Space{}, err
	}
	return Space{Free: uint64(fs.Bavail) * uint64(fs.Bsize), Total: fs.Blocks * uint64(fs.Bsize)}, nil
}
