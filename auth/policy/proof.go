package policy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Fresh allows everything to users who proved who they are within the last d, a second
// at least, by whatever method, as [auth.Manager.RequireFresh] does. It says nothing else
// of what they may: put it beside something that does, with [AllOf].
//
// To others it is a no for now, and the client is told how new a proof has to be. It
// is a plain no to nobody, and to a credential that came with the request itself and
// rests on no proof, as an API key: it has nothing to prove anew.
func Fresh(d time.Duration) auth.Authorizer { return Proven{policy: "fresh"}.Within(d) }

// Proof is [Fresh] for users who proved who they are by one of the methods, the names
// of providers, such as "totp": at any time in this session, or with [Proven.Within]. The
// client is told by which. A session whose binding has changed has proved nothing. As
// with Fresh, where there is a cache of sessions the store below it is read each time.
func Proof(methods ...string) Proven {
	p := Proven{policy: "proof", within: math.MaxInt64, methods: slices.Clone(methods)}
	if len(methods) == 0 || slices.Contains(methods, "") {
		p.wrong = errors.New(`policy: Proof: a method is missing: name providers, such as "totp"`)
	}
	return p
}

// Proven is what [Proof] returns.
type Proven struct {
	policy  string
	within  time.Duration
	maxAge  time.Duration // what the client is told; 0: nothing
	methods []string
	wrong   error
}

// Within returns an authorizer to which only proofs of the last d count.
func (p Proven) Within(d time.Duration) Proven {
	if d < time.Second { // clients are told seconds; and a proof is never so new in the request after it
		p.wrong = errors.Join(p.wrong, fmt.Errorf("policy: %s: %v is no time: make it a second or more, such as 10*time.Minute", p.policy, d))
	}
	p.within, p.maxAge = d, d
	return p
}

// Authorize implements [auth.Authorizer].
func (p Proven) Authorize(ctx context.Context, a auth.Access) error {
	if p.wrong != nil {
		return p.wrong
	}
	if err := user(ctx, p.policy, a); err != nil {
		return err
	}
	if a.Identity.Session == nil && len(a.Identity.Proofs) == 0 {
		return &auth.Denial{Policy: p.policy, Reason: "the credential came with the request and rests on no proof"}
	}
	fresh, err := a.Fresh(ctx, p.within, p.methods...)
	switch {
	case errors.Is(err, auth.ErrNoCredentials):
		return p.later("the session has ended meanwhile")
	case err != nil:
		return err
	case fresh:
		return nil
	}
	return p.later("no proof " + p.want())
}

func (p Proven) later(reason string) error {
	return &auth.Denial{Policy: p.policy, Reason: reason, MaxAge: p.maxAge, Methods: slices.Clone(p.methods)}
}

func (p Proven) want() string {
	var s string
	if len(p.methods) > 0 {
		s = "by " + strings.Join(p.methods, " or ")
	}
	if p.maxAge > 0 {
		s = strings.TrimSpace(s + " within " + p.maxAge.String())
	}
	return s
}

// Filter implements [Filterer].
func (p Proven) Filter(ctx context.Context, a auth.Access) (Condition, error) {
	if err := p.Authorize(ctx, a); err != nil {
		return None(), err
	}
	return here(ctx, All()), nil
}

// Validate returns what is wrong with the arguments.
func (p Proven) Validate() error { return p.wrong }
