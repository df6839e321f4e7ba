package rbac

import _ "go.yaml.in/yaml/v4"
