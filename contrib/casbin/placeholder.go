package casbinauthz

import (
	_ "github.com/casbin/casbin/v3"
	_ "github.com/casbin/casbin/v3/model"

	_ "github.com/gatehouse-go/gatehouse/auth/policy"
)
