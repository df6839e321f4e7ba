package cedarauthz

import (
	_ "github.com/cedar-policy/cedar-go"

	_ "github.com/gatehouse-go/gatehouse/auth/policy"
)
