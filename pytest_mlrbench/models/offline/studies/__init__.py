"""The offline models' studies: plain scripts that the policy copies into a workspace as code/ and has run there."""
