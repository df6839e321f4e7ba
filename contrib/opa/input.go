package opaauthz

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// The words of the input. Terms are shared and never changed.
var (
	wordUser     = ast.StringTerm("user")
	wordAction   = ast.StringTerm("action")
	wordObject   = ast.StringTerm("object")
	wordTenant   = ast.StringTerm("tenant")
	wordNow      = ast.StringTerm("now")
	wordID       = ast.StringTerm("id")
	wordActor    = ast.StringTerm("actor")
	wordRoles    = ast.StringTerm("roles")
	wordMethods  = ast.StringTerm("methods")
	wordProofAge = ast.StringTerm("proof_age")
	wordType     = ast.StringTerm("type")
	wordOwner    = ast.StringTerm("owner")
)

// inputOf builds the input of a question without a way through JSON, which would cost
// more than the decision.
func inputOf(in policy.Input, object bool) (ast.Value, error) {
	b := builder{make([]ast.Term, 14+len(in.Roles)+len(in.Methods)+2*len(in.Object.Attrs))}
	tenant := b.text(in.Tenant)
	top := make([]pair, 0, 5)
	if in.UserID != "" {
		top = append(top, pair{wordUser, b.user(in)})
	}
	top = append(top, pair{wordAction, b.text(in.Action)})
	if object {
		o, err := b.object(in.Object, in.Tenant, tenant)
		if err != nil {
			return nil, err
		}
		top = append(top, pair{wordObject, o})
	}
	top = append(top, pair{wordTenant, tenant}, pair{wordNow, b.number(in.At.UnixNano())})
	return ast.NewObject(top...), nil
}

type pair = [2]*ast.Term

// A builder makes terms, all of an input in one piece of memory.
type builder struct{ free []ast.Term }

func (b *builder) term(v ast.Value) *ast.Term {
	if len(b.free) == 0 {
		return ast.NewTerm(v)
	}
	t := &b.free[0]
	b.free = b.free[1:]
	t.Value = v
	return t
}

func (b *builder) user(in policy.Input) *ast.Term {
	user := append(make([]pair, 0, 5),
		pair{wordID, b.text(in.UserID)},
		pair{wordRoles, b.list(in.Roles)},
		pair{wordMethods, b.list(in.Methods)})
	if in.Actor != "" {
		user = append(user, pair{wordActor, b.text(in.Actor)})
	}
	if in.ProofAge >= 0 {
		user = append(user, pair{wordProofAge, b.number(int64(in.ProofAge))})
	}
	return b.term(ast.NewObject(user...))
}

// object is given the tenant of the question, which most often is its own.
func (b *builder) object(o auth.Object, tenant string, itsTerm *ast.Term) (*ast.Term, error) {
	if o.Tenant != tenant {
		itsTerm = b.text(o.Tenant)
	}
	object := append(make([]pair, 0, 8),
		pair{wordType, b.text(o.Type)},
		pair{wordID, b.text(o.ID)},
		pair{wordTenant, itsTerm},
		pair{wordOwner, b.text(o.Owner)})
	for name, attr := range o.Attrs {
		switch name {
		case "type", "id", "tenant", "owner":
			return nil, fmt.Errorf("opaauthz: object %s has an attribute %q, which is a field of auth.Object: call it something else", o, name)
		}
		v, err := ast.InterfaceToValue(attr)
		if f, ok := attr.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			err = errors.New("it is no number")
		}
		if err != nil {
			return nil, fmt.Errorf("opaauthz: object %s: attribute %q: %w", o, name, err)
		}
		object = append(object, pair{b.text(name), b.term(v)})
	}
	return b.term(ast.NewObject(object...)), nil
}

func (b *builder) list(list []string) *ast.Term {
	if len(list) == 0 {
		return ast.InternedEmptyArray
	}
	terms := make([]*ast.Term, len(list))
	for i, s := range list {
		terms[i] = b.text(s)
	}
	return b.term(ast.NewArray(terms...))
}

func (b *builder) text(s string) *ast.Term {
	if s == "" {
		return ast.InternedEmptyString
	}
	return b.term(ast.String(s))
}

func (b *builder) number(n int64) *ast.Term { return b.term(ast.Number(strconv.FormatInt(n, 10))) }
