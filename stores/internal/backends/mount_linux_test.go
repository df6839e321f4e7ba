package backends_test

import (
	"syscall"
	"testing"
)

// mountSmall puts a file system of that size on a folder, until the test ends. It
// takes root.
func mountSmall(t *testing.T, dir, size string) error {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		return err
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return nil
}
