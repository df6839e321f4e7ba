package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Backend is where the sites of row (f) keep their sessions. What it makes
// there has a name that nobody else has, and is gone when it is closed.
type Backend struct {
	Name string
	// Server: most of the work is that of another process.
	Server bool
	// Store is Gatehouse's.
	Store auth.Store

	users int // how many the host has, [InTurn] or more, each with a session
	floor keeper
	// joined finds session and user in one query, if that can be.
	joined func(ctx context.Context, id [32]byte) (*User, error)
	scs    scs.Store
	byID   userLookup // the host's: nil if this is no place for users
	ready  *readyUsers

	// bulk makes n sessions, see growthSession, and size returns how much of the
	// disk or of memory there is in use.
	bulk func(ctx context.Context, n int) error
	size func(ctx context.Context) (int64, error)

	analyze func() error   // tells the planner what is there, if there is one
	undo    []func() error // what Close does, in reverse
}

// scsSliding is the name of scs where a session that is used lives on.
const scsSliding = "scs, sliding expiry"

// A userLookup is the host's.
type userLookup func(ctx context.Context, id string) (*User, error)

// A keeper is a floor's store: no more than what the work takes.
type keeper interface {
	put(ctx context.Context, id [32]byte, s *auth.Session) error
	// find returns the session's user and when it expires, or an error.
	find(ctx context.Context, id [32]byte) (userID string, expires int64, err error)
}

// Close removes what the backend has made.
func (b *Backend) Close() error {
	var errs []error
	for i := len(b.undo) - 1; i >= 0; i-- {
		errs = append(errs, b.undo[i]())
	}
	b.undo = nil
	return errors.Join(errs...)
}

// Sites returns the floor, Gatehouse, scs, scs with sliding expiry, scs
// with another codec, and Gatehouse with a cache, each with its sessions in b. If b is a place for users,
// the host has them there as well; mapped is the same with the users in a map:
// what the session alone costs.
func (b *Backend) Sites() (sites, mapped []*Site, err error) {
	if mapped, err = b.sites(inMap(newUsers(b.users))); err != nil {
		return nil, nil, err
	}
	if err := b.fill(mapped); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", b.Name, err)
	}
	if b.analyze != nil {
		if err := b.analyze(); err != nil {
			return nil, nil, err
		}
	}
	if b.byID == nil {
		return nil, mapped, nil
	}
	if sites, err = b.sites(b.byID); err != nil {
		return nil, nil, err
	}
	for i, s := range sites {
		s.tokens = mapped[i].tokens
	}
	if b.joined != nil {
		one := handFloor("floor, one query", b.joined)
		one.tokens = sites[0].tokens
		sites = append(sites, one)
	}
	return sites, mapped, nil
}

// Ready returns the same sites as Sites for a host that has none but the ready-made
// users of package bunstore, or nil if this is no place for them. The floor finds
// session and user by one query, and so does Gatehouse; scs has no users, and asks for
// them by a prepared SELECT of the host's.
func (b *Backend) Ready() ([]*Site, error) {
	if b.ready == nil {
		return nil, nil
	}
	floor := handFloor("floor", b.ready.joined)
	ours, err := gatehouseOf("Gatehouse", b.Store, b.ready.users, readyUser)
	if err != nil {
		return nil, err
	}
	sites := append([]*Site{floor, ours}, b.scsSites(b.ready.byID)...)
	behind, err := cached(b.Store)
	if err != nil {
		return nil, err
	}
	quick, err := gatehouseOf("Gatehouse, cached", behind, b.ready.users, readyUser)
	if err != nil {
		return nil, err
	}
	sites = append(sites, quick)
	if err := b.fill(sites); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name, err)
	}
	if b.analyze != nil {
		err = b.analyze()
	}
	return sites, err
}

// inMap is the look-up of a host whose users are in a map.
func inMap(users map[string]*User) userLookup {
	return func(_ context.Context, id string) (*User, error) {
		if u := users[id]; u != nil {
			return u, nil
		}
		return nil, auth.ErrNotFound
	}
}

func (b *Backend) sites(byID userLookup) ([]*Site, error) {
	ours, err := gatehouse("Gatehouse", b.Store, byID)
	if err != nil {
		return nil, err
	}
	sites := append([]*Site{keptFloor(b.floor, byID), ours}, b.scsSites(byID)...)
	behind, err := cached(b.Store)
	if err != nil {
		return nil, err
	}
	quick, err := gatehouse("Gatehouse, cached", behind, byID)
	if err != nil {
		return nil, err
	}
	return append(sites, quick), nil
}

// scsSites returns scs as it comes, with sliding expiry, and with another codec.
func (b *Backend) scsSites(byID userLookup) []*Site {
	if b.scs == nil {
		return nil
	}
	return []*Site{
		scsSite("scs", b.scs, nil, 0, byID),
		scsSite(scsSliding, b.scs, nil, time.Hour, byID),
		scsSite("scs, better codec", b.scs, binaryCodec{}, 0, byID),
	}
}

// fill begins a session of every user in every site.
func (b *Backend) fill(sites []*Site) error {
	ctx := context.Background()
	floor, ours, quick := sites[0], sites[1], sites[len(sites)-1]
	for _, s := range sites[1 : len(sites)-1] {
		s.tokens = make([]string, b.users)
		err := InParallel(b.users, func(i int) (err error) {
			if s.begin != nil {
				s.tokens[i], err = s.begin(ctx, UserID(i))
				return err
			}
			w := NewSink()
			err = s.LogIn(w, s.Enter(newRequest("POST", "", "")), UserID(i))
			s.tokens[i] = w.token(s.Cookie)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	// The floor has copies of Gatehouse's sessions under keys of its own: only
	// Gatehouse can make those of Gatehouse.
	floor.tokens, quick.tokens = ours.tokens, ours.tokens
	return InParallel(b.users, func(i int) error {
		list, err := b.Store.UserSessions(ctx, UserID(i))
		if err != nil {
			return err
		}
		return b.floor.put(ctx, floorID(ours.tokens[i]), list[0]) // the newest
	})
}

// AtOnce is how many do what is measured in parallel.
const AtOnce = 16

// InParallel calls f with 0 to n-1, [AtOnce] of them at a time. It returns the first
// error, after which it calls f no more.
func InParallel(n int, f func(i int) error) error {
	var (
		next  atomic.Int64
		once  sync.Once
		first error
		wg    sync.WaitGroup
	)
	for range AtOnce {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(i); err != nil {
					once.Do(func() { first = err })
					next.Store(int64(n))
					return
				}
			}
		})
	}
	wg.Wait()
	return first
}
