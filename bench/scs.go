package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
)

// newSCS returns scs with its sessions in its memstore, and its own codec if
// codec is nil.
func newSCS(name string, users map[string]*User, codec scs.Codec) *Site {
	return scsSite(name, memstore.New(), codec, 0, inMap(users))
}

var errNobody = errors.New("bench: nobody is logged in")

// scsSite returns scs with its sessions in store. idle is how long a session
// lives that is not used, if it is not 0: expiry then slides.
func scsSite(name string, store scs.Store, codec scs.Codec, idle time.Duration, byID userLookup) *Site {
	sm := scs.New()
	sm.Store, sm.IdleTimeout = store, idle
	if codec != nil {
		sm.Codec = codec
	}
	user := func(ctx context.Context) (*User, bool) {
		id := sm.GetString(ctx, "user")
		if id == "" {
			return nil, false
		}
		u, err := byID(ctx, id)
		return u, err == nil
	}
	known := sm.LoadAndSave(page(user))
	// scs does its work in its middleware, so that is what logging in is.
	// Only one at a time does it: what goes in and out is in variables.
	var (
		err    error
		userID string
	)
	in := sm.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err = sm.RenewToken(r.Context()); err == nil {
			sm.Put(r.Context(), "user", userID)
		}
	}))
	out := sm.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := user(r.Context()); !ok {
			err = errNobody
			return
		}
		err = sm.Destroy(r.Context())
	}))
	return &Site{
		Name: name, Cookie: sm.Cookie.Name,
		Private: known, Public: known, Plain: sm.LoadAndSave(http.HandlerFunc(plain)),
		Enter: func(r *http.Request) *http.Request { return r },
		LogIn: func(w http.ResponseWriter, r *http.Request, id string) error {
			userID = id
			in.ServeHTTP(w, r)
			return err
		},
		LogOut: func(w http.ResponseWriter, r *http.Request) error {
			err = nil
			out.ServeHTTP(w, r)
			return err
		},
		begin: func(ctx context.Context, userID string) (token string, err error) {
			if ctx, err = sm.Load(ctx, ""); err != nil {
				return "", err
			}
			sm.Put(ctx, "user", userID)
			token, _, err = sm.Commit(ctx)
			return token, err
		},
	}
}

// A binaryCodec writes a deadline and one string, without encoding/gob: what scs
// would cost with another codec.
type binaryCodec struct{}

func (binaryCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	id, ok := values["user"].(string)
	if !ok || len(values) != 1 {
		return nil, errors.New("bench: this codec writes a user and nothing else")
	}
	b := make([]byte, 0, 8+len(id))
	b = binary.BigEndian.AppendUint64(b, uint64(deadline.UnixNano()))
	return append(b, id...), nil
}

func (binaryCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	if len(b) < 8 {
		return time.Time{}, nil, errors.New("bench: short session")
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(b))), map[string]any{"user": string(b[8:])}, nil
}
