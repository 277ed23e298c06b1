"""What changes in a django-tenants monolith's settings.py; the rest stays as it is."""

BANYAN = {
    # The gateway's admin port. Only this process asks it; end users never see it.
    "JWKS_URL": "http://127.0.0.1:9901/.well-known/jwks.json",
    "AUDIENCE": "legacy",
    # "caller" where the gateway has TAG_BINDING=caller; set it here first.
    "TAG_BINDING": "request",
    # Answered without a tag: what the load balancer asks, and nothing else.
    "OPEN_PATHS": ["/healthz"],
}

MIDDLEWARE = [
    "banyan.banyan_middleware.BanyanIdentityMiddleware",  # first: nothing runs for a request that did not come through the gateway
    "banyan.banyan_middleware.BanyanTenantMiddleware",  # instead of django_tenants.middleware.main.TenantMainMiddleware
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "banyan.banyan_middleware.BanyanAuthenticationMiddleware",  # instead of django.contrib.auth.middleware.AuthenticationMiddleware
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# urls.py of the tenants:
#   from banyan.banyan_middleware import banyan_session
#   urlpatterns += [path(".banyan/session/", banyan_session)]
