terraform {
  required_version = ">= 1.7"
  required_providers {
    digitalocean = {
      source = "digitalocean/digitalocean"
    }
  }
}

# The token is taken from DIGITALOCEAN_TOKEN.
provider "digitalocean" {}
