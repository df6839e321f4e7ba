package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// getJSON returns what is at url, of max bytes at most.
func getJSON(ctx context.Context, client *http.Client, url string, max int64) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: its address is not valid", errBadAnswer)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, fetchError(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("%w: status %d", errUnavailable, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, max+1))
	if err != nil {
		return nil, nil, fetchError(err)
	}
	if int64(len(body)) > max {
		return nil, nil, fmt.Errorf("%w: more than %d bytes", errBadAnswer, max)
	}
	return body, resp.Header, nil
}

// fetchError returns what to say of a request that failed. What the transport says
// can have parts of the answer in it, and is left out.
func fetchError(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: %w", errUnavailable, context.Canceled)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", errUnavailable, context.DeadlineExceeded)
	default:
		return errUnavailable
	}
}
