package auth

import "errors"

// Why nobody is asking, for [Problem.Reason].
const reasonNone = "none"

// A nobody is ErrNoCredentials with the reason. There is one of each, made in
// advance: most requests that are refused cost nothing.
type nobody struct {
	reason string
	beside beside // itself, as the state of a request has it
}

func newReason(reason string) *nobody {
	n := &nobody{reason: reason}
	n.beside.err = n
	return n
}

func (n *nobody) Error() string { return ErrNoCredentials.Error() + ": " + n.reason }

func (n *nobody) Is(target error) bool { return target == ErrNoCredentials }

var (
	nobodyExpired  = newReason("expired")
	nobodyRevoked  = newReason("revoked")
	nobodyDisabled = newReason("disabled")
	nobodyChanged  = newReason("changed")
	nobodyUnbound  = newReason("binding")
	nobodyReused   = newReason("reused")
	nobodyLimited  = newReason("limited")
	nobodyOwes     = newReason("owed")
)

// reasonOf returns why err says that nobody is asking.
func reasonOf(err error) string {
	var n *nobody
	if errors.As(err, &n) {
		return n.reason
	}
	return reasonNone
}

// revokedIfMissing makes nobody of what is not there, and leaves an outage what it
// is.
func revokedIfMissing(err error) error {
	if err == ErrNotFound || errors.Is(err, ErrNotFound) { // most often as it is
		return nobodyRevoked
	}
	return asOutage(err)
}

// isNobody reports whether err says that nobody is asking, sooner than errors.Is
// does.
func isNobody(err error) bool {
	if _, ok := err.(*nobody); ok || err == ErrNoCredentials {
		return true
	}
	return errors.Is(err, ErrNoCredentials)
}
