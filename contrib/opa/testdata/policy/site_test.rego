# Run by "opa test policy", and not a part of the policy.
package gatehouse_test

import data.gatehouse

ada := {"id": "ada", "roles": [], "methods": ["password"]}

hers := {"type": "post", "id": "17", "tenant": "", "owner": "ada"}

his := {"type": "post", "id": "18", "tenant": "", "owner": "bob"}

test_own_post if gatehouse.allow with input as {"user": ada, "action": "posts:delete", "object": hers}

test_other_post if not gatehouse.allow with input as {"user": ada, "action": "posts:read", "object": his}

test_viewer if {
	viewer := object.union(ada, {"roles": ["viewer"]})
	gatehouse.allow with input as {"user": viewer, "action": "posts:read", "object": his}
	not gatehouse.allow with input as {"user": viewer, "action": "posts:edit", "object": his}
}

test_nobody if not gatehouse.allow with input as {"action": "posts:list"}

# end of policy
