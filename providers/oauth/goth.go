package oauth

import _ "github.com/markbates/goth"
