package opaauthz

import (
	_ "github.com/open-policy-agent/opa/v1/ast"
	_ "github.com/open-policy-agent/opa/v1/rego"

	_ "github.com/gatehouse-go/gatehouse/auth/policy"
)
