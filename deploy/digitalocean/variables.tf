variable "name" {
  description = "Begins the names of everything that is made."
  type        = string
  default     = "sandgate"
}

variable "region" {
  type    = string
  default = "fra1"
}

variable "ip_range" {
  description = "Addresses of the VPC."
  type        = string
  default     = "10.114.16.0/20"
}

variable "image" {
  description = "The droplets' system. Docker is installed on it."
  type        = string
  default     = "debian-12-x64"
}

variable "sizes" {
  description = "Sizes of the droplets, by their part. Workers want processors of their own (c-…)."
  type        = map(string)
  default = {
    client        = "s-1vcpu-1gb"
    runner        = "s-2vcpu-2gb"
    load_balancer = "s-1vcpu-1gb"
    server        = "s-1vcpu-2gb"
    worker        = "c-2"
  }
}

variable "workers" {
  description = "Number of workers. More of them is how the cluster grows."
  type        = number
  default     = 2
  validation {
    condition     = var.workers >= 2
    error_message = "With fewer than two workers one that is lost is missed."
  }
}

variable "ssh_keys" {
  description = "Fingerprints of the keys that may log in as root, from admin_addresses."
  type        = list(string)
}

variable "admin_addresses" {
  description = "Networks from which SSH is let in. Empty: nobody's."
  type        = list(string)
  default     = []
}

variable "behind_cloudflare" {
  description = "Whether the web is let in from Cloudflare's addresses alone."
  type        = bool
  default     = true
}

variable "registry" {
  description = "Where the images are, with a slash at the end, such as registry.digitalocean.com/team/."
  type        = string
}

variable "registry_login" {
  description = "Content of Docker's config.json with the login of the registry; empty for a public one."
  type        = string
  default     = ""
  sensitive   = true
}

variable "image_tag" {
  description = "The version of the images. To go back, set the one before and apply."
  type        = string
}

variable "secrets" {
  description = "Made once, as by `openssl rand -hex 24`: see secrets.tfvars.example."
  type = object({
    authn_token   = string
    authz_token   = string
    bootstrap_key = string
    web_key       = string
    web_secret    = string # that the web client signs cookies with
  })
  sensitive = true
  validation {
    condition     = alltrue([for value in values(var.secrets) : length(value) >= 32])
    error_message = "A secret has 32 characters or more."
  }
}

variable "gateway_settings" {
  description = "Settings of the gateway by their names in the environment, as SANDGATE_JWT_ISSUER for Clerk."
  type        = map(string)
  default     = {}
}

variable "web_settings" {
  description = "Settings of the web client by their names in the environment, as SANDGATE_WEB_URL and SANDGATE_OIDC_ISSUER."
  type        = map(string)
  default     = {}
  validation {
    condition     = !contains(keys(var.web_settings), "SANDGATE_WEB_SECRET") && !contains(keys(var.web_settings), "SANDGATE_OIDC_CLIENT_SECRET")
    error_message = "Secrets have variables of their own: secrets.web_secret, oidc_client_secret."
  }
}

variable "oidc_client_secret" {
  description = "Of SANDGATE_OIDC_CLIENT_ID in web_settings; empty for a public client."
  type        = string
  default     = ""
  sensitive   = true
}

variable "database_nodes" {
  description = "Nodes of each managed database: 1, or more for a standby that takes over. MongoDB takes 1 or 3."
  type        = object({ mongodb = number, postgres = number, valkey = number })
  default     = { mongodb = 1, postgres = 1, valkey = 1 }
}
