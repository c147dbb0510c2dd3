# A droplet that starts a Compose file.
terraform {
  required_providers {
    digitalocean = { source = "digitalocean/digitalocean" }
  }
}

variable "name" { type = string }
variable "size" { type = string }
variable "common" {
  description = "What all droplets have alike."
  type = object({
    image          = string
    region         = string
    vpc            = string
    ssh_keys       = list(string)
    registry_login = string
  })
}
variable "services" {
  description = "Of the Compose file."
  type        = any
}
variable "files" {
  description = "Contents of files, by their paths below /opt/sandgate."
  type        = map(string)
  default     = {}
}

locals {
  login = var.common.registry_login == "" ? [] : [
    { path = "/root/.docker/config.json", content = var.common.registry_login, permissions = "0600" }
  ]
  files = [for path, content in var.files : { path = "/opt/sandgate/${path}", content = content, permissions = "0644" }]
  init = {
    package_update = true
    packages       = ["ca-certificates", "curl", "docker.io"]
    write_files = concat(local.login, local.files, [
      { path = "/opt/sandgate/compose.yml", content = yamlencode({ name = "sandgate", services = var.services }), permissions = "0600" },
      # Compose as a plugin, from its own releases: Debian 12 has none that is new enough.
      { path = "/opt/sandgate/start", permissions = "0755", content = file("${path.module}/start.sh") },
    ])
    runcmd = ["/opt/sandgate/start"]
  }
}

# Its state is in the databases: a droplet whose file changes is replaced, the new one first where its
# callers can follow.
resource "digitalocean_droplet" "this" {
  name       = var.name
  size       = var.size
  image      = var.common.image
  region     = var.common.region
  vpc_uuid   = var.common.vpc
  ssh_keys   = var.common.ssh_keys
  monitoring = true
  user_data  = "#cloud-config\n${yamlencode(local.init)}"
}

output "id" { value = digitalocean_droplet.this.id }
output "address" { value = digitalocean_droplet.this.ipv4_address_private }
output "public_address" { value = digitalocean_droplet.this.ipv4_address }
output "services" {
  value     = var.services
  sensitive = true
}
