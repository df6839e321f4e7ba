package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Roles returns the roles that who is asking has where the object is: those that hold
// everywhere, those in its tenant, and those for this very object. The caller does not
// change what it returns. It is asked for nobody too.
type Roles func(ctx context.Context, a auth.Access) ([]string, error)

// An Input is a question in plain values, as policy engines take them. All adapters
// in contrib give their engines these.
type Input struct {
	UserID  string   // "" for nobody
	Actor   string   // who acts as UserID, or ""
	Roles   []string // see Roles
	Methods []string // by which methods the user proved who they are, as for Proof; none of a stale session
	// ProofAge is how long ago the newest proof was; negative if there is none that
	// counts, as for API keys, or if the session is stale.
	ProofAge time.Duration
	Action   string
	Object   auth.Object // zero if there is none
	Tenant   string      // see TenantOf
	At       time.Time
}

// Describe puts a question into plain values. roles may be nil: nobody has any. The
// error is a denial if the object is another tenant's; an outage if the roles cannot
// be found out, or an object says nothing of itself ([auth.Access.Describe]), about
// which a policy could not but guess.
func Describe(ctx context.Context, a auth.Access, roles Roles) (Input, error) {
	in := Input{Action: a.Action, ProofAge: -1, At: a.Now()}
	o, ok := a.Describe()
	if !ok && a.Object != nil {
		return in, saysNothing(a.Object)
	}
	in.Object = o
	var err error
	if in.Tenant, err = tenantOf(ctx, o, ok); err != nil {
		return in, err
	}
	if id := a.Identity; id != nil {
		in.UserID, in.Actor = id.UserID, id.Actor
		if stale := id.Session != nil && id.Session.Stale; !stale && len(id.Proofs) > 0 {
			in.prove(id.Proofs)
		}
	}
	if roles != nil {
		if in.Roles, err = roles(ctx, a); errors.Is(err, auth.ErrForbidden) {
			return in, fmt.Errorf("policy: roles: %v", err) // they were asked for, and not for a decision
		} else if err != nil {
			return in, fmt.Errorf("policy: roles: %w", err)
		}
	}
	return in, nil
}

// prove adds what was proved, by the same rules as [auth.Identity.Fresh].
func (in *Input) prove(proofs []auth.Proof) {
	in.Methods = make([]string, 0, len(proofs))
	for i := range proofs {
		p := &proofs[i]
		if p.Kind == "remember" { // is no proof
			continue
		}
		age := in.At.Sub(p.At)
		if p.At.IsZero() || age <= -time.Minute {
			continue
		}
		in.Methods = append(in.Methods, p.Method)
		if age = max(age, 0); in.ProofAge < 0 || age < in.ProofAge {
			in.ProofAge = age
		}
	}
}

// saysNothing is the outage of what has to know about an object that says nothing of
// itself.
func saysNothing(object any) error {
	return fmt.Errorf("policy: an object of type %T says nothing of itself: give it a method AuthObject() auth.Object", object)
}
