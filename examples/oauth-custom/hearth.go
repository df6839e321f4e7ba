package main

import (
	"context"
	"net/http"
	"strconv"

	"github.com/gatehouse-go/gatehouse/providers/oauth"
)

// Hearth returns a connector for the Hearth server at an address.
func Hearth(server, clientID, secret string, opts *oauth.ConnectorOptions) *oauth.Connector {
	account := func(ctx context.Context, client *http.Client) (a oauth.Account, err error) {
		var self struct {
			ID                 int64
			Handle, Name, Mail string
			Confirmed          bool `json:"mail_confirmed"`
		}
		err = oauth.GetJSON(ctx, client, server+"/userinfo", &self)
		a = oauth.Account{Subject: strconv.FormatInt(self.ID, 10), Username: self.Handle, Name: self.Name, Email: self.Mail}
		if self.Confirmed {
			a.EmailStatus = oauth.EmailVerified
		}
		return a, err
	}
	endpoint := oauth.Endpoint{AuthURL: server + "/authorize", TokenURL: server + "/token", Issuer: server}
	return oauth.OAuth2(endpoint, clientID, secret, account, opts)
}
