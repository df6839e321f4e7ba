package oauth

import (
	"context"
	"net/http"
)

// An outbound is what a connector may ask of the outside.
type outbound struct {
	opts *ConnectorOptions
}

func newOutbound(o *ConnectorOptions) outbound { return outbound{o} }

// client returns a client for what is asked for ctx, and for nothing else.
func (o outbound) client(ctx context.Context) *http.Client {
	return &http.Client{Timeout: o.opts.Timeout, Transport: http.DefaultTransport}
}

// authURL returns where to send the browser.
func (o outbound) authURL(authURL string) string {
	if o.opts.Insecure != nil {
		return o.opts.Insecure.AuthURL(authURL)
	}
	return authURL
}
