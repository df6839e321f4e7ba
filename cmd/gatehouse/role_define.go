package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/action"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// A shownRole is the definition of a role in JSON.
type shownRole struct {
	Name        string   `json:"name"`
	Permissions []string `json:"permissions"`
	Inherits    []string `json:"inherits"`
}

func roleOf(r bunstore.Role) shownRole {
	return shownRole{r.Name, append([]string{}, r.Permissions...), append([]string{}, r.Inherits...)}
}

// listRoles lists those that are defined.
func (a *app) listRoles() error {
	db, err := a.database(false)
	if err != nil {
		return err
	}
	defer db.Close()
	roles, _, err := db.Roles().Roles(a.ctx)
	if err != nil {
		return err
	}
	list := []shownRole{}
	for _, r := range roles {
		list = append(list, roleOf(r))
	}
	return a.print(map[string]any{"roles": list}, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "no roles are defined in the database")
			return
		}
		rows := [][]string{{"NAME", "PERMISSIONS", "INHERITS"}}
		for _, r := range list {
			rows = append(rows, []string{r.Name, strings.Join(r.Permissions, " "), strings.Join(r.Inherits, " ")})
		}
		table(w, rows)
	})
}

type roleSetCmd struct {
	Name       string   `arg:"" help:"The role."`
	Permission []string `sep:"none" placeholder:"PATTERN" help:"What it may do: an action, or a pattern of actions such as \"posts:*\". Repeat it for more."`
	Inherit    []string `sep:"none" placeholder:"ROLE" help:"A role whose permissions it has too. Repeat it for more."`
}

// Help is the detail of the help.
func (*roleSetCmd) Help() string {
	return `Defines a role, in place of what was defined by its name: give all that it may do. It counts from the next request on. What is no pattern is refused, and so is a role that would inherit itself.

Examples:

    gatehouse role set viewer --permission posts:read
    gatehouse role set editor --permission posts:edit --permission "comments:*" --inherit viewer
    gatehouse role set admin --permission "*"`
}

// Validate is called by Kong.
func (c *roleSetCmd) Validate() error {
	if len(c.Permission)+len(c.Inherit) == 0 {
		return errors.New("say what the role may do: --permission or --inherit")
	}
	for _, p := range c.Permission {
		if len(p) > 255 || !action.ValidPattern(p) {
			return fmt.Errorf(`--permission %q is no pattern: names with colons between them, of which each may be "*"`, p)
		}
	}
	return nil
}

// Run defines a role.
func (c *roleSetCmd) Run(a *app) error {
	for _, name := range append([]string{c.Name}, c.Inherit...) {
		if err := checkRole(name); err != nil {
			return err
		}
	}
	db, err := a.database(false)
	if err != nil {
		return err
	}
	defer db.Close()
	r := bunstore.Role{Name: c.Name, Permissions: c.Permission, Inherits: c.Inherit}
	var roles []bunstore.Role
	err = db.InTx(a.ctx, func(ctx context.Context) error {
		// First, so that nobody else defines one meanwhile.
		if err := db.Roles().SetRole(ctx, r); err != nil {
			return err
		}
		var err error
		if roles, _, err = db.Roles().Roles(ctx); err != nil {
			return err
		}
		if circle := circleFrom(roles, c.Name); circle != nil {
			return refused("", "it would inherit itself: %s", strings.Join(circle, " inherits "))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range c.Inherit {
		if !isDefined(roles, name) {
			a.warn("no role %s is defined in the database: nothing is inherited from it", name)
		}
	}
	return a.print(roleOf(r), func(w io.Writer) { fmt.Fprintf(w, "defined %s\n", line(c.Name)) })
}

// circleFrom returns by which roles the one of that name inherits itself, or nil.
func circleFrom(roles []bunstore.Role, name string) []string {
	parents := map[string][]string{}
	for _, r := range roles {
		parents[r.Name] = r.Inherits
	}
	seen := map[string]bool{}
	var climb func(path []string) []string
	climb = func(path []string) []string {
		for _, parent := range parents[path[len(path)-1]] {
			switch {
			case parent == name:
				return append(path, parent)
			case seen[parent]:
				continue
			}
			seen[parent] = true
			if found := climb(append(slices.Clone(path), parent)); found != nil {
				return found
			}
		}
		return nil
	}
	return climb([]string{name})
}

type roleShowCmd struct {
	Name string `arg:"" help:"The role."`
}

// Help is the detail of the help.
func (*roleShowCmd) Help() string {
	return `Shows what a role may do, as it is defined in the database, without what it inherits.

Examples:

    gatehouse role show editor
    gatehouse role show editor --json | jq -r '.permissions[]'`
}

// Run shows a role.
func (c *roleShowCmd) Run(a *app) error {
	db, err := a.database(false)
	if err != nil {
		return err
	}
	defer db.Close()
	roles, _, err := db.Roles().Roles(a.ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(roles, func(r bunstore.Role) bool { return r.Name == c.Name })
	if i < 0 {
		return roleNotFound(c.Name)
	}
	r := roleOf(roles[i])
	return a.print(r, func(w io.Writer) {
		rows := [][]string{{"name", r.Name}}
		for _, p := range r.Permissions {
			rows = append(rows, []string{"permission", p})
		}
		for _, name := range r.Inherits {
			rows = append(rows, []string{"inherits", name})
		}
		table(w, rows)
	})
}

func roleNotFound(name string) error {
	return notFound(`"gatehouse role list" shows those that there are`, "no role %s is defined in the database", name)
}

type roleDeleteCmd struct {
	Name string `arg:"" help:"The role."`
	Yes  bool   `help:"Do it without asking."`
}

// Help is the detail of the help.
func (*roleDeleteCmd) Help() string {
	return `Deletes a role, and takes it from everybody who was granted it, so that it can be defined again without anybody having it. So it asks first; where nobody can be asked, it needs --yes. Refused (4) while another role inherits it.

A role that is not defined in the database is not found (3), and stays granted: the site may define it elsewhere.

Examples:

    gatehouse role delete editor
    gatehouse role delete editor --yes --json`
}

// Run deletes a role.
func (c *roleDeleteCmd) Run(a *app) error {
	db, err := a.database(false)
	if err != nil {
		return err
	}
	defer db.Close()
	roles, _, err := db.Roles().Roles(a.ctx)
	if err != nil {
		return err
	}
	if !isDefined(roles, c.Name) {
		return roleNotFound(c.Name)
	}
	if err := a.confirm(c.Yes, fmt.Sprintf("This deletes the role %s and takes it from everybody.", c.Name)); err != nil {
		return err
	}
	err = db.InTx(a.ctx, func(ctx context.Context) error {
		if err := db.Roles().DeleteRole(ctx, c.Name); err != nil {
			return err
		}
		roles, _, err := db.Roles().Roles(ctx)
		if err != nil {
			return err
		}
		var heirs []string
		for _, r := range roles {
			if slices.Contains(r.Inherits, c.Name) {
				heirs = append(heirs, r.Name)
			}
		}
		if len(heirs) > 0 {
			return refused(`"gatehouse role set" defines them anew`, "it is inherited by %s", strings.Join(heirs, ", "))
		}
		return nil
	})
	if errors.Is(err, auth.ErrNotFound) {
		err = roleNotFound(c.Name)
	}
	if err != nil {
		return err
	}
	return a.print(map[string]string{"name": c.Name}, func(w io.Writer) { fmt.Fprintf(w, "deleted %s\n", line(c.Name)) })
}
