package rbac

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// ParseYAML reads roles, and grants if there are any:
//
//	roles:
//	  viewer:
//	    permissions: [posts:read]
//	  admin:
//	    permissions: ["*"]    # quoted: a star has a meaning of its own in YAML
//	    inherits: [viewer]
//	grants:
//	  - {user: "42", role: admin}
//	  - {user: "17", role: viewer, tenant: acme, object: post/3}
//
// It is strict: what it does not know, what is there twice, what is no string, another
// document, anchors and aliases, and nothing at all are errors, each with its line.
// Strings that look like numbers have to be quoted. Whether the roles go together is
// found out by [NewMemory]. Roles are in the order of the file.
func ParseYAML(text []byte) ([]Role, []Grant, error) {
	var document yaml.Node
	if err := yaml.Load(text, &document); err != nil {
		return nil, nil, malformed(err)
	}
	p := &parser{}
	top := &document
	if top.Kind == yaml.DocumentNode && len(top.Content) == 1 {
		top = top.Content[0]
	}
	var roles []Role
	var grants []Grant
	p.fields(top, "the file", map[string]func(*yaml.Node){
		"roles": func(n *yaml.Node) {
			p.mapping(n, "roles", func(name string, at, n *yaml.Node) { roles = append(roles, p.role(name, at, n)) })
			if len(roles) == 0 {
				p.wrong(n, "there are no roles")
			}
		},
		"grants": func(n *yaml.Node) {
			p.list(n, "grants", func(n *yaml.Node) { grants = append(grants, p.grant(n)) })
		},
	}, "roles")
	if err := errors.Join(p.errs...); err != nil {
		return nil, nil, err
	}
	return roles, grants, nil
}

// malformed says what is wrong as parser does.
func malformed(err error) error {
	wrong, ok := errors.AsType[*yaml.LoadError](err)
	switch {
	case !ok:
		return fmt.Errorf("rbac: %w", err)
	case wrong.Mark.Line == 0: // such as of nothing at all
		return fmt.Errorf("rbac: %s", wrong.Message)
	}
	hint := ""
	if strings.Contains(err.Error(), "anchor") || strings.Contains(err.Error(), "alias") {
		hint = "; quote what begins with a star"
	}
	return fmt.Errorf("rbac: line %d: %s%s", wrong.Mark.Line, wrong.Message, hint)
}

// A parser looks at nodes itself: so every error has a line, all are found, and
// nothing is expanded.
type parser struct{ errs []error }

func (p *parser) wrong(at *yaml.Node, format string, args ...any) {
	const enough = 20
	switch {
	case len(p.errs) < enough:
		p.errs = append(p.errs, fmt.Errorf("rbac: line %d: %s", max(at.Line, 1), fmt.Sprintf(format, args...)))
	case len(p.errs) == enough:
		p.errs = append(p.errs, errors.New("rbac: and there is more"))
	}
}

func (p *parser) role(name string, at, n *yaml.Node) Role {
	r := Role{Name: name}
	what := fmt.Sprintf("role %.60q", name)
	if err := checkName(name); err != nil {
		p.wrong(at, "the name of the role, %.60q, %v", name, err)
	}
	if p.null(n) { // "guest:" is a role without anything
		return r
	}
	p.fields(n, what, map[string]func(*yaml.Node){
		"permissions": func(n *yaml.Node) {
			p.list(n, what+": permissions", func(n *yaml.Node) {
				pattern, ok := p.text(n, what+": a permission")
				if err := checkPermission(pattern); ok && err != nil {
					p.wrong(n, "%s: the permission %.60q %v", what, pattern, err)
				}
				r.Permissions = append(r.Permissions, pattern)
			})
		},
		"inherits": func(n *yaml.Node) {
			p.list(n, what+": inherits", func(n *yaml.Node) {
				parent, _ := p.text(n, what+": a role that it inherits")
				r.Inherits = append(r.Inherits, parent)
			})
		},
	})
	return r
}

func (p *parser) grant(n *yaml.Node) Grant {
	var g Grant
	before := len(p.errs)
	to := func(field string, to *string) func(*yaml.Node) {
		return func(n *yaml.Node) { *to, _ = p.text(n, field+" of a grant") }
	}
	p.fields(n, "a grant", map[string]func(*yaml.Node){
		"user": to("user", &g.UserID), "role": to("role", &g.Role), "tenant": to("tenant", &g.Tenant), "object": to("object", &g.Object),
	}, "user", "role")
	if err := g.Validate(); err != nil && len(p.errs) == before {
		p.wrong(n, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return g
}

// plain reports whether n is of the kind, and nothing that is more than it seems.
func (p *parser) plain(n *yaml.Node, kind yaml.Kind, tag, what, want string) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		p.wrong(n, "%s is an alias, which are not allowed; quote what begins with a star", what)
	case n.Anchor != "":
		p.wrong(n, "%s has an anchor, which are not allowed", what)
	case n.Style&yaml.TaggedStyle != 0:
		p.wrong(n, "%s has a tag, which are not allowed", what)
	case n.Kind != kind || n.ShortTag() != tag:
		p.wrong(n, "%s is not %s", what, want)
	default:
		return true
	}
	return false
}

func (p *parser) null(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" && n.Anchor == "" && n.Style&yaml.TaggedStyle == 0
}

func (p *parser) text(n *yaml.Node, what string) (string, bool) {
	if !p.plain(n, yaml.ScalarNode, "!!str", what, "a string: quote it if it is to be one") {
		return "", false
	}
	return n.Value, true
}

func (p *parser) list(n *yaml.Node, what string, each func(*yaml.Node)) {
	if p.null(n) || !p.plain(n, yaml.SequenceNode, "!!seq", what, "a list") {
		if p.null(n) {
			p.wrong(n, "%s is empty: write [], or leave it out", what)
		}
		return
	}
	for _, entry := range n.Content {
		each(entry)
	}
}

func (p *parser) mapping(n *yaml.Node, what string, each func(key string, at, value *yaml.Node)) {
	if !p.plain(n, yaml.MappingNode, "!!map", what, "a mapping") {
		return
	}
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		at := n.Content[i]
		key, ok := p.text(at, "a key of "+what)
		switch {
		case !ok:
		case seen[key]:
			p.wrong(at, "%s: %.60q is there twice", what, key)
		default:
			seen[key] = true
			each(key, at, n.Content[i+1])
		}
	}
}

func (p *parser) fields(n *yaml.Node, what string, known map[string]func(*yaml.Node), required ...string) {
	seen := make(map[string]bool)
	before := len(p.errs)
	p.mapping(n, what, func(key string, at, value *yaml.Node) {
		seen[key] = true
		if known[key] == nil {
			p.wrong(at, "%s: %.60q is not known", what, key)
			return
		}
		known[key](value)
	})
	for _, key := range required {
		if !seen[key] && len(p.errs) == before {
			p.wrong(n, "%s has no %q", what, key)
		}
	}
}
