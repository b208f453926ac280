"""Who may ask and how the way is kept private: certificates, tokens, and the files that both are read from again and again."""
