package auth

import (
	"fmt"
	"net/http"
	"time"
)

// limitPolicy is what the limits are called in the headers. They have one name, whichever
// of them it was, so that nobody learns whether others guess at an account.
const limitPolicy = "attempts"

// rateLimitHeaders says of a refusal for too many requests what
// draft-ietf-httpapi-ratelimit-headers-10 has beside Retry-After: nothing is left (r)
// for so many seconds (t) of the quota (q) in its window (w). Other answers do
// not say what is left: of an account it would tell what others do.
func rateLimitHeaders(h http.Header, p *Problem) {
	if p.Status != http.StatusTooManyRequests || p.RetryAfter <= 0 {
		return
	}
	h.Set("RateLimit", fmt.Sprintf("%q;r=0;t=%d", limitPolicy, seconds(p.RetryAfter)))
	if p.Limit != (Limit{}) {
		h.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", limitPolicy, p.Limit.Max, seconds(p.Limit.Per)))
	}
}

// seconds rounds up, so that nobody comes too early.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
