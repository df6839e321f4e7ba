package oauth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// GetJSON asks for a JSON document and decodes it into v, as package encoding/json
// does; numbers that go into an interface become a [json.Number], so that no long ID
// is rounded. Anything but a status of success, a content type of JSON, and one
// document of 1 MiB at most is an error. Errors have neither the document nor the
// address's query in them.
func GetJSON(ctx context.Context, client *http.Client, url string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return outcome(err)
	}
	status, err := fetchJSON(client, req, v)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%w: %s answers with status %d", errBadAnswer, redactURL(url), status)
	}
	return err
}

// fetchJSON returns the status, and decodes the document if it is 200.
func fetchJSON(client *http.Client, req *http.Request, v any) (status int, err error) {
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, outcome(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, nil
	}
	bad := func(what string) (int, error) {
		return 0, fmt.Errorf("%w: the document at %s %s", errBadAnswer, redactURL(req.URL.String()), what)
	}
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || media != "application/json" && !(strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")) {
		return bad("is not JSON by its content type")
	}
	// The client may be one without limits.
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return 0, outcome(err)
	case len(body) > maxBody:
		return 0, errTooLong
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return bad("cannot be decoded")
	}
	if _, err := d.Token(); err != io.EOF {
		return bad("has something after it")
	}
	return http.StatusOK, nil
}
