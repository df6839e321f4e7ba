package auth

import (
	"errors"
	"strings"
	"time"
)

// A Denial is a no of an [Authorizer] that explains itself, to the log and to events
// and never to the client. It wraps [ErrForbidden]. Whoever finds one in an error changes
// nothing of it: it is the authorizer's, which may return it again.
//
// With MaxAge or Methods it is a no for now: a proof that is new enough, or by one of
// the methods, would be answered with yes, and the client is told so (RFC 9470).
type Denial struct {
	Policy string // what said no: "rbac", or the ID of a policy
	Reason string // why, in English, for whoever reads the log
	// MaxAge is how old the newest proof may be, of any method or of one of Methods.
	// 0: that does not matter.
	MaxAge time.Duration
	// Methods are the methods of which one is to be proved, as in [Proof]. Empty:
	// any will do.
	Methods []string
}

func (d *Denial) Error() string {
	if d == nil {
		return ErrForbidden.Error()
	}
	var b strings.Builder
	b.WriteString(ErrForbidden.Error())
	for _, s := range [...]string{d.Policy, d.Reason} {
		if s != "" {
			b.WriteString(": " + s)
		}
	}
	return b.String()
}

// Is reports whether target is [ErrForbidden].
func (d *Denial) Is(target error) bool { return target == ErrForbidden }

// StepUp reports whether another proof would turn the no into a yes.
func (d *Denial) StepUp() bool { return d != nil && (d.MaxAge > 0 || len(d.Methods) > 0) }

// denialIn returns the denial in err, which may be nil.
func denialIn(err error) *Denial {
	d, _ := errors.AsType[*Denial](err)
	return d
}
