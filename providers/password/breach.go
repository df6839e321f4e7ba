package password

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A BreachChecker knows passwords that have been published. It is asked when a
// password is set, not at login, concurrently. [RangeChecker] is one.
type BreachChecker interface {
	// Breached reports whether password is known. An error means that it
	// could not tell. Neither the password nor a full digest of it leaves the
	// process or is kept.
	Breached(ctx context.Context, password string) (bool, error)
}

// RangeChecker is a [BreachChecker] that asks a service by k-anonymity: it sends
// five hexadecimal digits of the password's SHA-1 and gets all digests that
// begin with them, some hundreds. The service, Pwned Passwords or a copy of it,
// does not learn which was meant.
type RangeChecker struct {
	// URL is what the five digits are appended to. Default
	// "https://api.pwnedpasswords.com/range/".
	URL string
	// Client makes the requests. Default [http.DefaultClient].
	Client *http.Client
	// Timeout bounds one question. Default 2 seconds.
	Timeout time.Duration
}

// maxRange bounds an answer: some 2,000 lines are 80 KB.
const maxRange = 512 << 10

// Breached implements [BreachChecker].
func (c *RangeChecker) Breached(ctx context.Context, password string) (bool, error) {
	url, client, timeout := c.URL, c.Client, c.Timeout
	if url == "" {
		url = "https://api.pwnedpasswords.com/range/"
	}
	if client == nil {
		client = http.DefaultClient
	}
	if timeout <= 0 {
		timeout = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	sum := sha1.Sum([]byte(password)) // the service's choice; nothing rests on it
	digest := strings.ToUpper(hex.EncodeToString(sum[:]))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+digest[:5], nil)
	if err != nil {
		return false, fmt.Errorf("password: asking for breaches: %w", err)
	}
	req.Header.Set("User-Agent", "gatehouse")
	req.Header.Set("Add-Padding", "true") // or the answer's length would tell the prefix
	res, err := client.Do(req)
	if err != nil {
		return false, fmt.Errorf("password: asking for breaches: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return false, fmt.Errorf("password: asking for breaches: the service said %s", res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxRange+1))
	if err != nil {
		return false, fmt.Errorf("password: asking for breaches: %w", err)
	}
	if len(body) > maxRange {
		return false, fmt.Errorf("password: asking for breaches: the answer is longer than %d bytes", maxRange)
	}
	for line := range strings.Lines(string(body)) {
		suffix, count, ok := strings.Cut(strings.TrimSpace(line), ":")
		n, err := strconv.Atoi(count)
		if !ok || err != nil || len(suffix) != len(digest)-5 {
			return false, fmt.Errorf("password: asking for breaches: the answer is not a list of digests")
		}
		if n > 0 && strings.EqualFold(suffix, digest[5:]) { // 0: padding
			return true, nil
		}
	}
	return false, nil
}
