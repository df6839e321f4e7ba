package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

type versionCmd struct{}

// Help is the detail of the help.
func (*versionCmd) Help() string {
	return `What the program was built from, as the Go command has noted it: the version of the module, the commit where it was built in a working tree, and the version of Go.

Examples:

    gatehouse version
    gatehouse version --json`
}

type versionInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`   // "" if not known
	Modified bool   `json:"modified"` // the tree had changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Run prints the version.
func (*versionCmd) Run(a *app) error {
	v := versionInfo{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version = info.Main.Version
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Commit = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	return a.print(v, func(w io.Writer) {
		fmt.Fprintf(w, "gatehouse %s, %s, %s\n", v.Version, v.Go, v.Platform)
		if v.Commit != "" {
			note := ""
			if v.Modified {
				note = ", with changes"
			}
			fmt.Fprintf(w, "commit %s%s\n", v.Commit, note)
		}
	})
}
