package bench

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// PerUser is how many sessions each user has in [MeasureGrowth].
const PerUser = 5

// A Growth is what a store costs with few sessions and with many.
type Growth struct {
	Few, Many int
	Verbs     []GrowthOf
	Bytes     float64       // of disk, or of memory for Redis, for each of many sessions, indexes included
	Filled    time.Duration // how long it took to make the many
}

// A GrowthOf is what one verb costs with few and with many sessions, and the
// ratio: medians of rounds in which both had their turn.
type GrowthOf struct {
	Verb      string
	Few, Many time.Duration
	Ratio     float64
}

// MeasureGrowth fills few with 1,000 sessions and many with n of them, [PerUser] for each user,
// and finds out how much more it costs to look one up, to list a user's and to
// revoke all of a user's.
func MeasureGrowth(few, many *Backend, n, rounds int) (Growth, error) {
	ctx := context.Background()
	g := Growth{Few: 1000, Many: n}
	if err := few.populate(ctx, g.Few); err != nil {
		return g, err
	}
	before, err := many.size(ctx)
	if err != nil {
		return g, err
	}
	start := time.Now()
	if err := many.populate(ctx, n); err != nil {
		return g, err
	}
	g.Filled = time.Since(start)
	after, err := many.size(ctx)
	if err != nil {
		return g, err
	}
	g.Bytes = float64(after-before) / float64(n)

	random := rand.New(rand.NewPCG(1, 2))
	for _, v := range []struct {
		verb  string
		times int // in a round
		do    func(b *Backend, sessions int) (time.Duration, error)
	}{
		{"look-up", 500, func(b *Backend, sessions int) (time.Duration, error) {
			id := growthID(random.IntN(sessions))
			start := time.Now()
			_, err := b.Store.LoadSession(ctx, id)
			return time.Since(start), err
		}},
		{"list by user", 200, func(b *Backend, sessions int) (time.Duration, error) {
			user := UserID(random.IntN(sessions / PerUser))
			start := time.Now()
			list, err := b.Store.UserSessions(ctx, user)
			spent := time.Since(start)
			if err == nil && len(list) != PerUser {
				err = fmt.Errorf("bench: %s: user has %d sessions", b.Name, len(list))
			}
			return spent, err
		}},
		{"revoke all of a user", 50, func(b *Backend, sessions int) (time.Duration, error) {
			u := random.IntN(sessions / PerUser)
			start := time.Now()
			err := b.Store.DeleteUserSessions(ctx, UserID(u))
			spent := time.Since(start)
			for i := u * PerUser; err == nil && i < (u+1)*PerUser; i++ { // another has its turn
				if _, gone := b.Store.LoadSession(ctx, growthID(i)); gone == nil {
					return 0, fmt.Errorf("bench: %s: a revoked session is there", b.Name)
				}
				err = b.Store.CreateSession(ctx, growthSession(i))
			}
			return spent, err
		}},
	} {
		var fews, manys []time.Duration
		var ratios []float64
		for round := range rounds + 1 {
			var spent [2]time.Duration
			for range v.times {
				for k, b := range []*Backend{few, many} {
					d, err := v.do(b, []int{g.Few, n}[k])
					if err != nil {
						return g, err
					}
					spent[k] += d
				}
			}
			if round == 0 {
				continue // warms up
			}
			fews, manys = append(fews, spent[0]/time.Duration(v.times)), append(manys, spent[1]/time.Duration(v.times))
			ratios = append(ratios, float64(spent[1])/float64(spent[0]))
		}
		slices.Sort(fews)
		slices.Sort(manys)
		slices.Sort(ratios)
		g.Verbs = append(g.Verbs, GrowthOf{v.verb, fews[rounds/2], manys[rounds/2], ratios[rounds/2]})
	}
	return g, nil
}

// populate makes n sessions.
func (b *Backend) populate(ctx context.Context, n int) error {
	if err := b.bulk(ctx, n); err != nil {
		return fmt.Errorf("bench: %s: filling: %w", b.Name, err)
	}
	if b.analyze != nil {
		return b.analyze()
	}
	return nil
}

// growthID is what databases can compute as well.
func growthID(i int) auth.SessionID { return sha256.Sum256(strconv.AppendInt(nil, int64(i), 10)) }

// growthSession returns a session as a login with a password makes it.
func growthSession(i int) *auth.Session {
	now := time.Now().UTC().Truncate(time.Millisecond)
	user := UserID(i / PerUser)
	return &auth.Session{
		ID: growthID(i), UserID: user,
		Proofs: []auth.Proof{{Method: "password", At: now, Kind: "password", Key: user, Generation: 1}},
		Label:  "Firefox on Linux", Addr: netip.AddrFrom4([4]byte{198, 51, 100, 7}),
		CreatedAt: now, SeenAt: now, EndsAt: now.Add(24 * time.Hour), ExpiresAt: now.Add(time.Hour),
	}
}
