package policy

import (
	"errors"
	"fmt"

	"github.com/gatehouse-go/gatehouse/auth"
)

// ErrNoOpinion wraps [auth.ErrForbidden]: the authorizer is not asked for actions of
// this kind, and [FirstOf] asks the next. Whoever else sees it takes it for a no.
var ErrNoOpinion = fmt.Errorf("policy: no opinion: %w", auth.ErrForbidden)

// noOpinion is ErrNoOpinion with a denial for the log.
type noOpinion struct{ *auth.Denial }

func (e noOpinion) Is(target error) bool { return target == ErrNoOpinion }

func (e noOpinion) Unwrap() error { return e.Denial }

// An answer is what an error of an authorizer means.
type answer int

const (
	yes    answer = iota
	later         // no, but another proof would turn it into a yes
	no            // whatever is proved
	silent        // no opinion
	broken        // an outage
)

// weigh returns what err means, and the denial if it is for now.
func weigh(err error) (answer, *auth.Denial) {
	if err == nil {
		return yes, nil
	}
	d, ok := err.(*auth.Denial) // most are
	if !ok {
		switch _, ok := err.(noOpinion); {
		case ok:
			return silent, nil
		case !errors.Is(err, auth.ErrForbidden):
			return broken, nil
		case errors.Is(err, ErrNoOpinion):
			return silent, nil
		}
		d, _ = errors.AsType[*auth.Denial](err)
	}
	if d.StepUp() {
		return later, d
	}
	return no, nil
}
