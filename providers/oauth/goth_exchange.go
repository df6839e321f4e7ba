package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/markbates/goth"
	"golang.org/x/oauth2"
)

// Seven of goth's providers fetch the profile by the client they are given, and
// make their token requests by the default one: without a verifier, a limit or an
// end. For them the code is traded here, with the configuration that the provider
// made, and the result put into its session, which is JSON.

// configOf returns the configuration of such a provider. It is in a field that is
// not exported: reflection may read it, and a test goes through all of them.
func configOf(p goth.Provider) (*oauth2.Config, error) {
	v := reflect.Indirect(reflect.ValueOf(p))
	if v.Kind() == reflect.Struct {
		v = v.FieldByName("config")
	}
	if !v.IsValid() || v.Type() != reflect.TypeFor[*oauth2.Config]() || v.IsNil() {
		return nil, errors.New("goth's provider is not as this version knows it: use oauth.OAuth2")
	}
	v = v.Elem()
	return &oauth2.Config{
		ClientID:     v.FieldByName("ClientID").String(),
		ClientSecret: v.FieldByName("ClientSecret").String(),
		RedirectURL:  v.FieldByName("RedirectURL").String(),
		Endpoint: oauth2.Endpoint{
			TokenURL:  v.FieldByName("Endpoint").FieldByName("TokenURL").String(),
			AuthStyle: oauth2.AuthStyleInParams,
		},
	}, nil
}

// trade trades the code and returns a session that has the token.
func trade(ctx context.Context, client *http.Client, p goth.Provider, kept, code string) (goth.Session, error) {
	config, err := configOf(p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBadAnswer, err)
	}
	// The client adds the verifier.
	token, err := config.Exchange(context.WithValue(ctx, oauth2.HTTPClient, client), code)
	if err != nil {
		return nil, err
	}
	session := map[string]any{}
	if err := json.Unmarshal([]byte(kept), &session); err != nil {
		return nil, fmt.Errorf("%w: what was kept of the flow cannot be read", errBadAnswer)
	}
	session["AccessToken"] = token.AccessToken
	session["RefreshToken"] = token.RefreshToken
	session["ExpiresAt"] = token.Expiry.Format(time.RFC3339Nano)
	if id, ok := token.Extra("user_id").(string); ok {
		session["UserID"] = id // of Fitbit and Oura
	}
	data, err := json.Marshal(session)
	if err != nil {
		return nil, fmt.Errorf("%w: the token cannot be kept", errBadAnswer)
	}
	return p.UnmarshalSession(string(data))
}

// renew is goth's RefreshToken by the client.
func renew(ctx context.Context, client *http.Client, p goth.Provider, refreshToken string) (*oauth2.Token, error) {
	config, err := configOf(p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBadAnswer, err)
	}
	return config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, client), &oauth2.Token{RefreshToken: refreshToken}).Token()
}
