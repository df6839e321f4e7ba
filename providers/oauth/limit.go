package oauth

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A count is a number of starts that are bounded together.
type count struct {
	what  string
	limit auth.Limit
}

// counts returns what a start from addr counts as, the smallest first: whoever is over
// one limit adds nothing to the next. Addresses are cheap by the network, and what
// bounds all together could be used up by one machine with many: so no site
// (an IPv4 /24 or IPv6 /48) has more than a tenth of it, and no provider (/16, /32) more than a
// half, unless Options.Starts alone lets it.
func (p *Provider) counts(addr netip.Addr) []count {
	bits := [...]int{32, 24, 16}
	if addr.Is6() {
		bits = [...]int{64, 48, 32}
	}
	least := max(10*min(p.opts.Starts.Max, p.opts.MaxOpen/10), 1)
	limits := [...]auth.Limit{
		p.opts.Starts,
		{Max: max(p.opts.MaxOpen/10, least), Per: lifetime},
		{Max: max(p.opts.MaxOpen/2, least), Per: lifetime},
	}
	var all []count
	for i, n := range bits {
		prefix, err := addr.Prefix(n)
		if err != nil || !addr.IsValid() {
			all = append(all, count{"network unknown", p.opts.Starts})
			break
		}
		all = append(all, count{"network " + prefix.String(), limits[i]})
	}
	return append(all, count{"all", auth.Limit{Max: p.opts.MaxOpen, Per: lifetime}})
}

// countStart bounds how many transactions are begun.
func (p *Provider) countStart(r *http.Request) error {
	now := p.m.Now()
	for _, c := range p.counts(p.m.ClientAddr(r)) {
		key := "oauth:" + encode(p.tags.of(nil, "starts", c.what))
		n, until, err := p.m.Store().Count(r.Context(), key, c.limit.Per, now)
		if err != nil {
			return err
		}
		if n > c.limit.Max {
			p.m.Emit(r, auth.Event{Name: "login.limited", Method: method})
			return &auth.Problem{Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: max(until.Sub(now), time.Second), Limit: p.opts.Starts,
				Detail: "Too many attempts. Try again later."}
		}
	}
	return nil
}
