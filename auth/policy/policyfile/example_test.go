package policyfile_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing/fstest"

	"github.com/gatehouse-go/gatehouse/auth/policy/policyfile"
)

func Example() {
	fsys := fstest.MapFS{"admins.txt": {Data: []byte("u1\n# end of policy\n")}} // a host takes os.DirFS("policy")
	compile := func(files map[string][]byte) (map[string]bool, error) {
		admins := map[string]bool{}
		for name, b := range files {
			for line := range strings.Lines(string(b)) {
				line = strings.TrimSpace(line)
				if strings.ContainsAny(line, " ,;") && !strings.HasPrefix(line, "#") {
					return nil, fmt.Errorf("%s: one ID a line, not %q", name, line)
				}
				admins[line] = true
			}
		}
		return admins, nil
	}
	admins, err := policyfile.Open(fsys, []string{"*.txt"}, compile, &policyfile.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	// A host looks every now and then: go admins.Run(ctx)

	fsys["admins.txt"] = &fstest.MapFile{Data: []byte("u1\nu2\n# end of policy\n")}
	fmt.Println(admins.Reload(context.Background()), admins.Policy()["u2"])

	fsys["admins.txt"] = &fstest.MapFile{Data: []byte("u1, u3\n# end of policy\n")}
	fmt.Println(admins.Reload(context.Background()))
	fmt.Println(admins.Policy()["u2"], admins.Policy()["u3"], admins.Err() != nil)
	// Output:
	// <nil> true
	// policyfile: admins.txt: one ID a line, not "u1, u3"
	// true false true
}
