# The policy of the site: who may do what.
package gatehouse

default allow := false

# Whoever is logged in.
allow if {
	input.user
	input.action in {"posts:list", "posts:create"}
}

# Whoever it belongs to.
allow if {
	input.action in {"posts:read", "posts:edit", "posts:delete"}
	input.object.owner == input.user.id
}

# Whoever has a role for it, where the object is.
allow if {
	some role in input.user.roles
	input.action in permissions[role]
}

permissions := {
	"viewer": {"posts:read"},
	"editor": {"posts:read", "posts:edit"},
	"admin": {
		"posts:read",
		"posts:edit",
		"posts:delete",
		"admin:view",
		"admin:roles",
		"admin:sessions",
	},
}
# end of policy
