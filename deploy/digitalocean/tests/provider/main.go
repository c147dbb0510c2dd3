// The provider out of its Go module, for terraform test where no registry can be reached. That is its last
// version as a module; the registry has newer ones.
package main

import (
	"github.com/digitalocean/terraform-provider-digitalocean/digitalocean"
	"github.com/hashicorp/terraform-plugin-sdk/plugin"
)

func main() { plugin.Serve(&plugin.ServeOpts{ProviderFunc: digitalocean.Provider}) }
