package servers

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const startable = true

// A process is a child.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // then
}

// give gives a folder to an account, if we are root and can.
func give(dir, account string) error {
	c, err := credential(account)
	if c == nil || err != nil {
		return err
	}
	return os.Chown(dir, int(c.Uid), int(c.Gid))
}

// credential returns who a server is to run as: what most of them refuse is to
// run as root. If we are not, it is ourselves, nil.
func credential(account string) (*syscall.Credential, error) {
	if os.Getuid() != 0 || account == "" {
		return nil, nil
	}
	u, err := user.Lookup(account)
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// spawn starts a child that does not outlive us.
func spawn(cmd *exec.Cmd, account string) (*process, error) {
	c, err := credential(account)
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c, Pdeathsig: syscall.SIGKILL}
	if cmd.Dir == "" {
		cmd.Dir = "/" // the account may not look into ours
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// kill kills the process and its children.
func (p *process) kill() error {
	// It must not start others, or notice, meanwhile.
	_ = p.cmd.Process.Signal(syscall.SIGSTOP) // it may have ended
	pids := children(p.cmd.Process.Pid)
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return p.await(10 * time.Second)
}

// stop asks the process to end.
func (p *process) stop(interrupt bool) error {
	sig := syscall.SIGTERM
	if interrupt {
		sig = syscall.SIGINT
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := p.await(20 * time.Second); err != nil {
		return errors.Join(err, p.kill())
	}
	return nil
}

func (p *process) await(d time.Duration) error {
	select {
	case <-p.done:
		return nil
	case <-time.After(d):
		return fmt.Errorf("process %d has not ended within %v", p.cmd.Process.Pid, d)
	}
}

// children returns the children of a process, and theirs.
func children(pid int) (pids []int) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	of := map[int][]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid; the name may hold anything.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		child, cerr := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if len(fields) < 2 || cerr != nil {
			continue
		}
		if parent, err := strconv.Atoi(string(fields[1])); err == nil {
			of[parent] = append(of[parent], child)
		}
	}
	for next := []int{pid}; len(next) > 0; next = next[1:] {
		pids = append(pids, of[next[0]]...)
		next = append(next, of[next[0]]...)
	}
	return slices.Compact(pids)
}
