//go:build !linux

package servers

import (
	"errors"
	"os/exec"
)

const startable = false

type process struct {
	done chan struct{}
	err  error
}

func give(dir, account string) error { return nil }

func spawn(*exec.Cmd, string) (*process, error) {
	return nil, errors.New("servers: Linux only")
}

func (*process) kill() error     { return nil }
func (*process) stop(bool) error { return nil }
