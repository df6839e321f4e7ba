package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
)

// A record is what the credential of a link has in its Data.
type record struct {
	Version     int         `json:"v"`
	Issuer      string      `json:"iss,omitempty"` // of the subject
	Email       string      `json:"email,omitempty"`
	EmailStatus EmailStatus `json:"email_status,omitempty"`
	Name        string      `json:"name,omitempty"`
	Username    string      `json:"username,omitempty"`
	// Tokens are the provider's tokens, sealed; nil if they are not kept.
	Tokens []byte `json:"tokens,omitempty"`
	// Lease is until when one of the processes alone may refresh them, in Unix
	// milliseconds, or 0.
	Lease int64 `json:"lease,omitempty"`
	// Broken says that the identity provider takes the refresh token no more.
	Broken bool `json:"broken,omitempty"`
}

const recordVersion = 1

func (r record) encode() ([]byte, error) {
	r.Version = recordVersion
	return json.Marshal(r)
}

func decodeRecord(data []byte) (record, error) {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return r, errors.New("oauth: a link cannot be read")
	}
	if r.Version != recordVersion {
		return r, fmt.Errorf("oauth: a link is of version %d, and %d is the newest known here", r.Version, recordVersion)
	}
	return r, nil
}
