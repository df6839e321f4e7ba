package bench

import (
	_ "github.com/casbin/casbin/v3"
	_ "github.com/cedar-policy/cedar-go"
	_ "github.com/gatehouse-go/gatehouse/contrib/casbin"
	_ "github.com/gatehouse-go/gatehouse/contrib/cedar"
	_ "github.com/gatehouse-go/gatehouse/contrib/opa"
	_ "github.com/open-policy-agent/opa/v1/rego"
)
