package auth

import "context"

// An Access is a question for an [Authorizer]: may Identity do Action to
// Object?
type Access struct {
	Identity *Identity // nil: nobody
	Action   string    // "posts:edit"
	Object   any       // nil if the action says enough
}

// An Authorizer decides who may do what. It is called concurrently and changes
// nothing of what it is given.
type Authorizer interface {
	// Authorize returns nil if a is allowed: nil is the only yes. An error that
	// wraps [ErrForbidden] is a no; any other error means that it could not
	// tell, and is a no as well. A context that has ended is never a yes.
	Authorize(ctx context.Context, a Access) error
}

// AuthorizerFunc makes an [Authorizer] from a function.
type AuthorizerFunc func(ctx context.Context, a Access) error

// Authorize calls f.
func (f AuthorizerFunc) Authorize(ctx context.Context, a Access) error { return f(ctx, a) }
