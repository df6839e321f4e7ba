package rbac

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/gatehouse-go/gatehouse/auth/policy/policyfile"
)

// Open returns an Authorizer for roles that are in YAML files of fsys, [Options.Files],
// see [ParseYAML]. Grants are there too, or in [Options.Grants]. All files
// together are one set of roles. The error says everything that is wrong with the
// options and with the first file that is wrong.
//
// [Authorizer.Run] takes new versions of the files. One that is wrong is not taken, and
// logged; what was in force stays.
func Open(fsys fs.FS, opts *Options) (*Authorizer, error) {
	o := opts.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	if len(o.Files) == 0 {
		o.Files = []string{"*.yaml"}
	}
	f := &files{opts: &o}
	var err error
	f.source, err = policyfile.Open(fsys, o.Files, f.compile, &policyfile.Options{Every: o.Every, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	var source Source = f
	if o.Grants != nil {
		source = Combine(f, o.Grants)
	}
	a := newAuthorizer(source, o)
	a.files = f
	return a, nil
}

// files are a Source in files.
type files struct {
	opts     *Options
	source   *policyfile.Source[*Memory]
	versions atomic.Int64
}

// compile compiles all files, and fails if anything is wrong.
func (f *files) compile(texts map[string][]byte) (*Memory, error) {
	var roles []Role
	var grants []Grant
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		r, g, err := ParseYAML(texts[name])
		if err != nil {
			return nil, fmt.Errorf("rbac: %s: %w", name, err)
		}
		roles, grants = append(roles, r...), append(grants, g...)
	}
	var errs []error
	defs, err := define(roles)
	errs = append(errs, err)
	_, err = compile(defs, f.opts)
	errs = append(errs, err)
	if f.opts.Grants != nil && len(grants) > 0 {
		errs = append(errs, errors.New("rbac: grants are in a file, and in Options.Grants as well: choose one"))
	}
	m := &Memory{grants: newTable()}
	defs.version = f.versions.Add(1)
	m.defs.Store(defs)
	for _, g := range grants {
		if _, ok := defs.index[g.Role]; !ok {
			errs = append(errs, fmt.Errorf("rbac: user %q is granted role %q, which is not defined", g.UserID, g.Role))
		}
		errs = append(errs, m.Grant(context.Background(), g))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return m, nil
}

func (f *files) Roles(ctx context.Context) ([]Role, int64, error) {
	return f.source.Policy().Roles(ctx)
}

func (f *files) Grants(ctx context.Context, userID string) ([]Grant, int64, error) {
	return f.source.Policy().Grants(ctx, userID)
}

func (f *files) Reload(ctx context.Context) error { return f.source.Reload(ctx) }

func (f *files) local() (*definitions, *table) { return f.source.Policy().local() }
