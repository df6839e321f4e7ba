package examples

import (
	_ "github.com/gatehouse-go/gatehouse/contrib/casbin"
	_ "github.com/gatehouse-go/gatehouse/contrib/cedar"
	_ "github.com/gatehouse-go/gatehouse/contrib/opa"
)
