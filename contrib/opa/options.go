package opaauthz

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// Options are what is optional for [Open] and [New].
type Options struct {
	// Roles finds out which roles who is asking has, for input.user.roles. Nil:
	// nobody has any.
	Roles policy.Roles

	// The rest is for Open alone.

	// Files are the patterns, as of [io/fs.Glob], of the files that the policy is made
	// of: Rego (*.rego), without its tests (*_test.rego), and data (*.json), which is
	// merged into one document. Default "*.rego", and "*.json" if there is one.
	Files []string
	// Query is the rule that decides. Default "data.gatehouse.allow".
	Query string
	// Reasons is a rule whose strings say why the answer is no, in [auth.Denial]'s
	// Reason. It is asked only after a no, and decides nothing. Default "reasons" in
	// the package of Query, if there is one.
	Reasons string
	// Capabilities are what policies may use. Default [Capabilities].
	Capabilities *ast.Capabilities
	// Every is how often [Authorizer.Run] looks at the files. Default 2 seconds.
	Every time.Duration
	// Logger gets what became of new versions of the files. Default [slog.Default].
	Logger *slog.Logger
}

// settings are Options that Open can use.
type settings struct {
	files        []string
	query        ast.Ref
	reasons      ast.Ref
	needReasons  bool // they were asked for
	capabilities *ast.Capabilities
}

// settings returns what o says, and what is wrong with it.
func (o *Options) settings() (settings, error) {
	s := settings{files: o.Files, capabilities: o.Capabilities, needReasons: o.Reasons != ""}
	var errs []error
	rule := func(field, text string) ast.Ref {
		ref, err := ast.ParseRef(text)
		if err == nil && (len(ref) < 3 || !ref.HasPrefix(ast.DefaultRootRef) || !ref.IsGround()) {
			err = errors.New("that is no rule in a package")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("opaauthz: Options.%s is %q: name a rule by its package, as in \"data.gatehouse.allow\": %w", field, text, err))
			return nil
		}
		return ref
	}
	query := o.Query
	if query == "" {
		query = "data.gatehouse.allow"
	}
	if s.query = rule("Query", query); s.query != nil {
		s.reasons = s.sibling("reasons")
	}
	if o.Reasons != "" {
		s.reasons = rule("Reasons", o.Reasons)
	}
	if s.capabilities == nil {
		s.capabilities = Capabilities()
	}
	if o.Every < 0 {
		errs = append(errs, fmt.Errorf("opaauthz: Options.Every is %v: make it more than 0, or leave it", o.Every))
	}
	return s, errors.Join(errs...)
}

// sibling returns the rule of that name in the package of the rule that decides.
func (s *settings) sibling(name string) ast.Ref {
	return append(s.query[:len(s.query)-1:len(s.query)-1], ast.StringTerm(name))
}

// onlyForOpen returns what of o New cannot use.
func (o *Options) onlyForOpen() error {
	var errs []error
	for _, f := range [...]struct {
		name string
		set  bool
	}{
		{"Files", o.Files != nil},
		{"Query", o.Query != ""},
		{"Reasons", o.Reasons != ""},
		{"Capabilities", o.Capabilities != nil},
		{"Every", o.Every != 0},
		{"Logger", o.Logger != nil},
	} {
		if f.set {
			errs = append(errs, fmt.Errorf("opaauthz: Options.%s is for Open: a query that is prepared has it all", f.name))
		}
	}
	return errors.Join(errs...)
}
